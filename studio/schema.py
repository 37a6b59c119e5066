"""The tables of a home folder, as named migrations in the order they run, each once and for ever. It opens no database."""

from __future__ import annotations

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "first_tables",
        """
        CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL, lane TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
            place REAL NOT NULL,                     -- order in the queue, smallest first
            key TEXT UNIQUE,                         -- a double click carries the same key
            payload TEXT NOT NULL,
            done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
            stage TEXT NOT NULL DEFAULT '', preview TEXT NOT NULL DEFAULT '',
            watched_at REAL,                         -- somebody looks: drafts are worth making
            cancel INTEGER NOT NULL DEFAULT 0,
            result TEXT NOT NULL DEFAULT '{}', error TEXT NOT NULL DEFAULT '',
            attempts INTEGER NOT NULL DEFAULT 0,     -- how many workers died with it
            worker TEXT,                             -- who holds it
            created_at REAL NOT NULL, started_at REAL, ended_at REAL, seconds REAL
        );
        CREATE INDEX jobs_waiting ON jobs (lane, state, place);
        CREATE TABLE workers (
            name TEXT PRIMARY KEY, pid INTEGER NOT NULL, state TEXT NOT NULL,
            device TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '',
            started_at REAL NOT NULL, beat REAL NOT NULL    -- beat: CLOCK_MONOTONIC seconds
        );
        CREATE TABLE timings (                       -- this machine's own history, for forecasts
            id INTEGER PRIMARY KEY, subject TEXT NOT NULL, work REAL NOT NULL, seconds REAL NOT NULL, at REAL NOT NULL
        );
        CREATE INDEX timings_subject ON timings (subject, id);
        CREATE TABLE artworks (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            sha256 TEXT NOT NULL UNIQUE, file TEXT NOT NULL, kind TEXT NOT NULL,
            width INTEGER NOT NULL, height INTEGER NOT NULL, bytes INTEGER NOT NULL,
            recipe TEXT, prompt TEXT NOT NULL DEFAULT '', caption TEXT NOT NULL DEFAULT '', caption_by TEXT NOT NULL DEFAULT '',
            verdict TEXT NOT NULL, parents TEXT NOT NULL DEFAULT '[]',
            favourite INTEGER NOT NULL DEFAULT 0, source_name TEXT NOT NULL DEFAULT '', source_sha256 TEXT,
            note TEXT NOT NULL DEFAULT '', job INTEGER, created_at REAL NOT NULL, deleted_at REAL
        );
        CREATE INDEX artworks_alive ON artworks (deleted_at, id);
        CREATE INDEX artworks_source ON artworks (source_sha256);
        CREATE TABLE tags (
            artwork INTEGER NOT NULL REFERENCES artworks (id) ON DELETE CASCADE, tag TEXT NOT NULL, PRIMARY KEY (artwork, tag)
        ) WITHOUT ROWID;
        CREATE INDEX tags_tag ON tags (tag);
        CREATE TABLE embeddings (
            artwork INTEGER NOT NULL REFERENCES artworks (id) ON DELETE CASCADE,
            model TEXT NOT NULL, vector BLOB NOT NULL,      -- float32, unit length
            PRIMARY KEY (artwork, model)
        ) WITHOUT ROWID;
        CREATE TABLE drafts (name TEXT PRIMARY KEY, body TEXT NOT NULL, updated_at REAL NOT NULL);
        CREATE TABLE settings (name TEXT PRIMARY KEY, body TEXT NOT NULL);
        """,
    ),
    (
        "embeddings_by_model",
        """
        -- Each search asks who has a vector; without this it would read past the vectors themselves
        CREATE INDEX embeddings_model ON embeddings (model, artwork);
        """,
    ),
    (
        "lineage",
        """
        ALTER TABLE artworks ADD COLUMN map TEXT;    -- what is known of a control map beside its pixels, as JSON
        -- Names, not numbers: a parent that was deleted for good stays a gap that still has a name, and parents of its own
        CREATE TABLE lineage (
            child TEXT NOT NULL, parent TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (child, parent, role)
        ) WITHOUT ROWID;
        CREATE INDEX lineage_parent ON lineage (parent, child);
        INSERT OR IGNORE INTO lineage
            SELECT sha256, one.value, one.key FROM artworks, json_each(iif(json_valid(recipe), recipe, '{}')) AS one
            WHERE one.key IN ('source', 'mask') AND one.type = 'text';
        INSERT OR IGNORE INTO lineage
            SELECT sha256, json_extract(one.value, '$.source'), json_extract(one.value, '$.kind')
            FROM artworks, json_each(iif(json_valid(recipe), recipe, '{}'), '$.controls') AS one
            WHERE json_extract(one.value, '$.source') IS NOT NULL AND json_extract(one.value, '$.kind') IS NOT NULL;
        INSERT OR IGNORE INTO lineage
            SELECT sha256, one.value, 'made from' FROM artworks, json_each(iif(json_valid(parents), parents, '[]')) AS one
            WHERE one.type = 'text'
            AND NOT EXISTS (SELECT 1 FROM lineage WHERE child = artworks.sha256 AND parent = one.value);
        """,
    ),
    (
        "contacts",
        """
        CREATE TABLE contacts (                      -- every time another machine was asked for something
            id INTEGER PRIMARY KEY, at REAL NOT NULL, host TEXT NOT NULL, why TEXT NOT NULL, bytes INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX contacts_host ON contacts (host, at);
        """,
    ),
    (
        "grids",
        """
        CREATE TABLE grids (                         -- one recipe varied along two fields; each cell is a paint job
            id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, body TEXT NOT NULL, made_at REAL NOT NULL
        );
        ALTER TABLE jobs ADD COLUMN grid INTEGER     -- which grid a job paints a cell of, as its payload says
            GENERATED ALWAYS AS (iif(json_valid(payload), json_extract(payload, '$.grid'), NULL)) VIRTUAL;
        CREATE INDEX jobs_grid ON jobs (grid, id) WHERE grid IS NOT NULL;
        """,
    ),
    (
        "styles",
        """
        CREATE TABLE styles (                        -- the user's own; those that ship are a file of ours
            name TEXT PRIMARY KEY, prompt TEXT NOT NULL, negative TEXT NOT NULL,
            updated_at REAL NOT NULL, deleted_at REAL    -- deleted: kept for its undo, and hides a shipped one
        ) WITHOUT ROWID;
        """,
    ),
    (
        "peaks",
        """
        -- Bytes that a job held at its worst moment beyond those when it began, and what was foretold of that
        ALTER TABLE timings ADD COLUMN peak INTEGER;
        ALTER TABLE timings ADD COLUMN estimate INTEGER;
        """,
    ),
)
