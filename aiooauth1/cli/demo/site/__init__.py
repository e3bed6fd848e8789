"""TweetExpress as a web site, for `aiooauth1 demo --serve`.

- `app`: the application: routes and sessions
- `people`: the sessions of browsers, and the events of each person
- `reposts`: posting a feed for an account
- `pages`: the HTML
- `site.css`, `site.js`: the style, and the live view
"""
