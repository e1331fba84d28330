"""What features are worth: tasks with a protocol, simple baselines and scores with intervals; features in, figures out."""
