"""What people see. Knows the public face of studio alone, and never imports torch."""
