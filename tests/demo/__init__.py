"""`make demo`: the main job on a local Kubernetes, told with the commands that a user would type and their real output.

ground    the cluster, the operator on it, and the commands `kubectl` and `runtimeenv`
narrator  prints a step, runs its commands, prints what they print
story     the steps
__main__  python -m tests.demo up | down
"""
