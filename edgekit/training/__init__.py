"""One loop for teacher, student and recovery: losses, the teacher's answers, optimizers, checkpoints."""
