"""Types, rules and algorithms that every service uses; imports nothing else of ours."""
