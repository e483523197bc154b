"""What the trials of compose and of Kubernetes share: the main job, a camera that goes on posting, what is printed."""
