"""Reading what a provider answers: pure functions of text that may be hostile.

- `problem`: the Problem of a refusal, and the error that it becomes
- `problem_formats`: finds a problem report in headers, forms, JSON, XML and text
- `problem_catalog`: providers' codes and sentences, as data
- `redaction`: masks secrets, and says what of a reply may be shown
- `rate_limit`: rate-limit fields; `rate_limit_fields`: their names, as data
- `retry_after`: Retry-After, HTTP dates
- `token`: the body of a token endpoint
"""
