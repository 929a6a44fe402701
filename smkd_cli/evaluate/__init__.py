"""The third stage: checkpoints to scores on clean test images, or on the wrong labels they were trained on."""
