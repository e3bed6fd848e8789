"""Workers of taskiq in processes of their own, which can be killed."""
