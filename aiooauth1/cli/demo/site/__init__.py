"""TweetExpress as a web site, for `aiooauth1 demo --serve`.

- `app`: the application: routes and who is who
- `people`: the sessions of browsers, and what has happened for each person
- `reposts`: posting a feed for an account
- `pages`: the HTML
- `site.css`, `site.js`: how it looks, and the live view
"""
