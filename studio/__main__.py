"""`python -m studio`: the terminal's door."""

from studio.cli import main

raise SystemExit(main())
