"""The worker's rooms: the only ones that load models. The front reaches them through the jobs table and never by import."""
