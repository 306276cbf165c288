"""Speed, as ratios to bare servers and operators in the same run."""
