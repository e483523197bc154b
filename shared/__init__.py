"""Code that two services already need and that holds no rule of either."""
