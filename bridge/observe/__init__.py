"""What is seen of the running process: records of requests, and the log written from them."""
