"""The services of Plateward. None imports another; they meet in events and the object store."""
