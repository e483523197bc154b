"""The only queries of hotlist. Stores for people take a grant; `raised` and `feed` serve the matcher."""
