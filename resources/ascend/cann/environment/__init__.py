"""What is installed on this machine, and the variables that its tools need."""
