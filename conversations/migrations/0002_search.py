"""The search index, in the database of what is derived."""

from django.db import migrations

TABLE = "conversations_search_1"

SQLITE = [
    f"CREATE VIRTUAL TABLE {TABLE} USING fts5("
    "tokens, content='', tokenize=\"ascii tokenchars '='\")",
    # One segment for each batch that is committed, and fewer merges while many come in.
    f"INSERT INTO {TABLE} ({TABLE}, rank) VALUES ('hashsize', {16 * 1024 * 1024})",
    f"INSERT INTO {TABLE} ({TABLE}, rank) VALUES ('automerge', 8)",
]
POSTGRESQL = [
    f"CREATE TABLE {TABLE} (id bigint PRIMARY KEY, tokens tsvector NOT NULL)",
    f"CREATE INDEX {TABLE}_tokens ON {TABLE} USING gin (tokens)",
]


def create(apps, schema_editor):
    run(schema_editor, {"sqlite": SQLITE, "postgresql": POSTGRESQL})


def drop(apps, schema_editor):
    statements = [f"DROP TABLE {TABLE}"]
    run(schema_editor, {"sqlite": statements, "postgresql": statements})


def run(schema_editor, statements):
    if schema_editor.connection.alias != "index":
        return
    for statement in statements[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("conversations", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
