"""The tables of a home folder, as named migrations in the order they run, each once and for ever. It opens no database."""

from __future__ import annotations

# What every trigger of gallery_counter does; like all text of a migration it is never changed
_COUNTED = """BEGIN
            UPDATE gallery_counter SET changes = changes + 1;
        END;"""

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
    (
        "library",
        """
        ALTER TABLE artworks ADD COLUMN rating INTEGER NOT NULL DEFAULT 0;   -- -1 disliked, 0 none, 1 to 5
        ALTER TABLE artworks ADD COLUMN remark TEXT NOT NULL DEFAULT '';     -- the user's own note
        ALTER TABLE artworks ADD COLUMN taken_at REAL;                       -- as a camera or another tool says
        ALTER TABLE artworks ADD COLUMN made_with TEXT NOT NULL DEFAULT '';  -- a name of domain/query.TOOLS, '' unknown
        ALTER TABLE artworks ADD COLUMN model TEXT NOT NULL DEFAULT '';
        ALTER TABLE artworks ADD COLUMN sampler TEXT NOT NULL DEFAULT '';
        ALTER TABLE artworks ADD COLUMN seed INTEGER;
        ALTER TABLE artworks ADD COLUMN negative TEXT NOT NULL DEFAULT '';
        ALTER TABLE artworks ADD COLUMN camera TEXT NOT NULL DEFAULT '';
        ALTER TABLE artworks ADD COLUMN metadata TEXT;                       -- foreign texts verbatim, as JSON
        ALTER TABLE artworks ADD COLUMN place TEXT;                          -- where a watched file lies, when it is not copied
        ALTER TABLE artworks ADD COLUMN gone_at REAL;                        -- when such a file was first missed
        ALTER TABLE artworks ADD COLUMN look BLOB;                           -- a small feature of colours
        ALTER TABLE artworks ADD COLUMN pack TEXT                            -- as the recipe says
            GENERATED ALWAYS AS (iif(json_valid(recipe), json_extract(recipe, '$.pack'), NULL)) VIRTUAL;
        UPDATE artworks SET
            model = coalesce(json_extract(recipe, '$.pack'), ''),
            sampler = coalesce(json_extract(recipe, '$.sampler'), ''),
            negative = coalesce(json_extract(recipe, '$.negative'), ''),
            seed = iif(json_type(recipe, '$.seed') = 'integer', json_extract(recipe, '$.seed'), NULL)
            WHERE json_valid(recipe) AND json_type(recipe) = 'object';
        UPDATE artworks SET made_with = 'easel' WHERE kind IN ('painted', 'proposal', 'map', 'mask');
        CREATE INDEX artworks_when ON artworks (coalesce(taken_at, created_at));
        CREATE INDEX artworks_rating ON artworks (rating) WHERE rating <> 0;
        CREATE INDEX artworks_seed ON artworks (seed) WHERE seed IS NOT NULL;
        CREATE INDEX artworks_model ON artworks (model COLLATE NOCASE);
        CREATE INDEX artworks_sampler ON artworks (sampler COLLATE NOCASE);
        CREATE INDEX artworks_pack ON artworks (pack) WHERE pack IS NOT NULL;
        CREATE UNIQUE INDEX artworks_place ON artworks (place) WHERE place IS NOT NULL;

        -- Full text. It holds its own copy of the words: excerpts need them, and a change must not have to know what was there
        CREATE VIRTUAL TABLE words USING fts5 (
            prompt, negative, caption, remark, tags, name, tokenize = 'unicode61 remove_diacritics 2'
        );
        INSERT INTO words (rowid, prompt, negative, caption, remark, tags, name)
            SELECT id, prompt, negative, caption, remark,
            coalesce((SELECT group_concat(tag, ', ') FROM tags WHERE artwork = id), ''), source_name FROM artworks;
        CREATE TRIGGER words_of_new AFTER INSERT ON artworks BEGIN
            INSERT INTO words (rowid, prompt, negative, caption, remark, tags, name)
            VALUES (NEW.id, NEW.prompt, NEW.negative, NEW.caption, NEW.remark, '', NEW.source_name);
        END;
        CREATE TRIGGER words_of_changed AFTER UPDATE OF prompt, negative, caption, remark, source_name ON artworks
        WHEN OLD.prompt IS NOT NEW.prompt OR OLD.negative IS NOT NEW.negative OR OLD.caption IS NOT NEW.caption
            OR OLD.remark IS NOT NEW.remark OR OLD.source_name IS NOT NEW.source_name BEGIN
            UPDATE words SET prompt = NEW.prompt, negative = NEW.negative, caption = NEW.caption, remark = NEW.remark,
            name = NEW.source_name WHERE rowid = NEW.id;
        END;
        CREATE TRIGGER words_of_gone AFTER DELETE ON artworks BEGIN
            DELETE FROM words WHERE rowid = OLD.id;
        END;
        CREATE TRIGGER words_of_tagged AFTER INSERT ON tags BEGIN
            UPDATE words SET tags = (SELECT group_concat(tag, ', ') FROM tags WHERE artwork = NEW.artwork)
            WHERE rowid = NEW.artwork;
        END;
        CREATE TRIGGER words_of_untagged AFTER DELETE ON tags BEGIN
            UPDATE words SET tags = coalesce((SELECT group_concat(tag, ', ') FROM tags WHERE artwork = OLD.artwork), '')
            WHERE rowid = OLD.artwork;
        END;
        CREATE TRIGGER words_of_renamed_tag AFTER UPDATE ON tags BEGIN
            UPDATE words SET tags = coalesce((SELECT group_concat(tag, ', ') FROM tags WHERE artwork = OLD.artwork), '')
            WHERE rowid = OLD.artwork;
            UPDATE words SET tags = (SELECT group_concat(tag, ', ') FROM tags WHERE artwork = NEW.artwork)
            WHERE rowid = NEW.artwork;
        END;

        CREATE TABLE folders (                       -- where pictures are brought from, once or again and again
            id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, watched INTEGER NOT NULL DEFAULT 0,
            added_at REAL NOT NULL, scanned_at REAL, note TEXT NOT NULL DEFAULT ''
        );
        CREATE TABLE folder_files (                  -- what the last scan saw, so that the next reads only what changed
            folder INTEGER NOT NULL REFERENCES folders (id) ON DELETE CASCADE, path TEXT NOT NULL,
            size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL DEFAULT '',
            artwork INTEGER REFERENCES artworks (id) ON DELETE SET NULL, seen_scan INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (folder, path)
        ) WITHOUT ROWID;
        CREATE INDEX folder_files_sha256 ON folder_files (sha256);
        CREATE INDEX folder_files_artwork ON folder_files (artwork);
        CREATE TABLE collections (                   -- smart when it has a query, as typed into the search box
            id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL COLLATE NOCASE UNIQUE, query TEXT, created_at REAL NOT NULL
        );
        CREATE TABLE collection_items (
            collection INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
            artwork INTEGER NOT NULL REFERENCES artworks (id) ON DELETE CASCADE, place REAL NOT NULL DEFAULT 0,
            PRIMARY KEY (collection, artwork)
        ) WITHOUT ROWID;
        CREATE INDEX collection_items_artwork ON collection_items (artwork);
        """,
    ),
    (
        "vectors_by_kind",
        """
        ALTER TABLE embeddings RENAME TO embeddings_before;
        -- Numbers are never given twice, so that whoever read up to one reads on from there; a row is never changed. With
        -- numbered rows several vectors share a page: keyed by artwork, each of more than 1,000 bytes had one of its own
        CREATE TABLE embeddings (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            artwork INTEGER NOT NULL REFERENCES artworks (id) ON DELETE CASCADE,
            model TEXT NOT NULL,
            kind TEXT NOT NULL DEFAULT 'picture',        -- of its pixels; or 'caption': of its caption or its prompt
            half INTEGER NOT NULL DEFAULT 0,             -- 1: float16, 0: float32, as they were once kept
            vector BLOB NOT NULL,                        -- unit length, little endian
            UNIQUE (artwork, model, kind)
        );
        INSERT INTO embeddings (artwork, model, vector)
            SELECT artwork, model, vector FROM embeddings_before ORDER BY artwork;
        DROP TABLE embeddings_before;
        CREATE INDEX embeddings_model ON embeddings (model, kind, id, artwork);
        CREATE TABLE embeddings_gone (                   -- which vectors were taken away, in that order
            id INTEGER PRIMARY KEY AUTOINCREMENT, embedding INTEGER NOT NULL
        );
        CREATE TRIGGER embeddings_of_gone AFTER DELETE ON embeddings BEGIN
            INSERT INTO embeddings_gone (embedding) VALUES (OLD.id);
        END;
        -- What was made of other words is true no longer; whoever embeds what is missing makes it anew
        CREATE TRIGGER embeddings_of_reworded AFTER UPDATE OF caption, prompt ON artworks
        WHEN OLD.caption IS NOT NEW.caption OR (NEW.caption = '' AND OLD.prompt IS NOT NEW.prompt) BEGIN
            DELETE FROM embeddings WHERE artwork = NEW.id AND kind = 'caption';
        END;
        """,
    ),
    (
        "changes",
        """
        CREATE TABLE changes (                       -- what was done to pictures by hand, kept for its undo
            id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL,
            parts TEXT NOT NULL,                     -- a list of {what, value, label}, in the order they were done
            pictures INTEGER NOT NULL, undone_at REAL
        );
        CREATE INDEX changes_at ON changes (at);
        CREATE TABLE change_items (                  -- what a part of it replaced; a picture deleted for good stays listed
            change INTEGER NOT NULL REFERENCES changes (id) ON DELETE CASCADE, part INTEGER NOT NULL,
            artwork INTEGER NOT NULL, before, PRIMARY KEY (change, part, artwork)
        ) WITHOUT ROWID;
        """,
    ),
    (
        "folders_in_place",
        """
        -- A file that changed is another artwork under the same path; the one before stays, gone, and remembers where it lay
        DROP INDEX artworks_place;
        CREATE UNIQUE INDEX artworks_place ON artworks (place) WHERE place IS NOT NULL AND gone_at IS NULL;
        CREATE INDEX artworks_gone ON artworks (place) WHERE gone_at IS NOT NULL;
        ALTER TABLE folder_files ADD COLUMN problem TEXT NOT NULL DEFAULT '';   -- why it is not in the gallery
        ALTER TABLE folder_files ADD COLUMN judge TEXT NOT NULL DEFAULT '';     -- whose refusal that was; '' for a bad file
        """,
    ),
    (
        "looks",
        """
        ALTER TABLE artworks ADD COLUMN looked INTEGER;   -- rises with each look written: a reader knows what is new
        ALTER TABLE artworks ADD COLUMN colours INTEGER;  -- what is in it, a bit for each of gallery/likeness/palette.py
        CREATE INDEX artworks_looked ON artworks (looked) WHERE looked IS NOT NULL;
        CREATE INDEX artworks_unseen ON artworks (id) WHERE looked IS NULL;
        """,
    ),
    (
        "map",
        """
        CREATE TABLE map_drawings (                  -- the maps there are, one for each model whose vectors were laid out
            model TEXT PRIMARY KEY, drawn_at REAL NOT NULL,
            pictures INTEGER NOT NULL                -- how many it was drawn from; those that came since are placed among them
        ) WITHOUT ROWID;
        CREATE TABLE map_points (                    -- x and y 0 to 1; cluster is the number of its group at the nearest level
            model TEXT NOT NULL REFERENCES map_drawings (model) ON DELETE CASCADE,
            artwork INTEGER NOT NULL REFERENCES artworks (id) ON DELETE CASCADE,
            x REAL NOT NULL, y REAL NOT NULL, cluster INTEGER NOT NULL, PRIMARY KEY (model, artwork)
        ) WITHOUT ROWID;
        CREATE INDEX map_points_artwork ON map_points (artwork);
        CREATE TABLE map_clusters (                  -- groups of pictures, by the zoom at which they are seen
            model TEXT NOT NULL REFERENCES map_drawings (model) ON DELETE CASCADE,
            number INTEGER NOT NULL, level INTEGER NOT NULL, parent INTEGER NOT NULL, name TEXT NOT NULL,
            x REAL NOT NULL, y REAL NOT NULL, box TEXT NOT NULL, artwork INTEGER, PRIMARY KEY (model, number)
        ) WITHOUT ROWID;
        """,
    ),
    (
        "gallery_at_size",
        f"""
        -- A number that grows with whatever changes what a filter lets through or a suggestion counts: answers are kept by it
        CREATE TABLE gallery_counter (one INTEGER PRIMARY KEY CHECK (one = 1), changes INTEGER NOT NULL);
        INSERT INTO gallery_counter VALUES (1, 0);
        CREATE TRIGGER counter_of_new AFTER INSERT ON artworks {_COUNTED}
        CREATE TRIGGER counter_of_gone AFTER DELETE ON artworks {_COUNTED}
        CREATE TRIGGER counter_of_changed AFTER UPDATE OF kind, width, height, recipe, prompt, caption, remark, source_name,
            favourite, rating, created_at, taken_at, made_with, model, sampler, seed, negative, place, gone_at, deleted_at,
            colours ON artworks {_COUNTED}
        CREATE TRIGGER counter_of_tagged AFTER INSERT ON tags {_COUNTED}
        CREATE TRIGGER counter_of_untagged AFTER DELETE ON tags {_COUNTED}
        CREATE TRIGGER counter_of_retagged AFTER UPDATE ON tags {_COUNTED}
        CREATE TRIGGER counter_of_collection AFTER INSERT ON collections {_COUNTED}
        CREATE TRIGGER counter_of_gone_collection AFTER DELETE ON collections {_COUNTED}
        CREATE TRIGGER counter_of_changed_collection AFTER UPDATE ON collections {_COUNTED}
        CREATE TRIGGER counter_of_collected AFTER INSERT ON collection_items {_COUNTED}
        CREATE TRIGGER counter_of_uncollected AFTER DELETE ON collection_items {_COUNTED}
        -- What filters and counts read of a picture that is shown, without its texts: a tenth of the table. The index before
        -- it looked better to SQLite, and led it to every row
        DROP INDEX artworks_alive;
        CREATE INDEX artworks_binned ON artworks (deleted_at, id, kind) WHERE deleted_at IS NOT NULL;
        CREATE INDEX artworks_shown ON artworks (
            id, deleted_at, kind, made_with, model, sampler, pack, seed, rating, favourite, width, height, taken_at, created_at,
            gone_at, colours
        ) WHERE deleted_at IS NULL;
        CREATE INDEX artworks_hidden ON artworks (id, deleted_at, kind)
            WHERE deleted_at IS NOT NULL OR kind NOT IN ('painted', 'imported', 'map');
        CREATE INDEX artworks_loras ON artworks (id) WHERE instr(recipe, '"loras":[{{') > 0;
        """,
    ),
    (
        "copies",
        """
        CREATE TABLE copies (                        -- pairs of artworks that were laid over each other, one < other
            one INTEGER NOT NULL REFERENCES artworks (id) ON DELETE CASCADE,
            other INTEGER NOT NULL REFERENCES artworks (id) ON DELETE CASCADE,
            kind TEXT NOT NULL, likeness REAL NOT NULL,  -- exact, near, or '' for two pictures
            apart INTEGER NOT NULL DEFAULT 0,            -- somebody said that they are not the same
            PRIMARY KEY (one, other)
        ) WITHOUT ROWID;
        CREATE INDEX copies_other ON copies (other);
        CREATE INDEX copies_found ON copies (kind) WHERE kind <> '';
        """,
    ),
    (
        "folder_counts",
        """
        ALTER TABLE folders ADD COLUMN files INTEGER NOT NULL DEFAULT 0;      -- that the last scan saw
        ALTER TABLE folders ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0;   -- of them, not in the gallery
        """,
    ),
    (
        "looks_counter",
        """
        -- The number of the last look written. It never falls, whatever is deleted: no number of `looked` is given twice
        CREATE TABLE looks_counter (one INTEGER PRIMARY KEY CHECK (one = 1), looked INTEGER NOT NULL);
        INSERT INTO looks_counter SELECT 1, coalesce(max(looked), 0) FROM artworks WHERE looked IS NOT NULL;
        """,
    ),
    (
        "forgotten_changes",
        """
        -- What is deleted for good stays listed in what was done to it, but not what it said before
        CREATE INDEX change_items_of ON change_items (artwork) WHERE before IS NOT NULL;
        CREATE TRIGGER change_items_of_deleted AFTER DELETE ON artworks BEGIN
            UPDATE change_items SET before = NULL WHERE artwork = OLD.id AND before IS NOT NULL;
        END;
        """,
    ),
)
