"""What tools/fuzz_serving and tools/bench_serving are made of: requests, clients, a server."""
