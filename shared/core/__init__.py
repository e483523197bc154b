"""Types, rules and algorithms that every service uses; imports no other folder."""
