"""Words, rules and mathematics that every service uses; imports nothing else of ours."""
