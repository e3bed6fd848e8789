"""Services with the sign-in routes of each framework on a loopback port, and browsers for them."""
