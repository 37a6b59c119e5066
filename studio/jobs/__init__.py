"""The queue of durable jobs and the process that works through it, seen from outside; no model is ever loaded here."""
