# SPDX-License-Identifier: MIT
"""Every column of every table is read by a statement that names its table, not only written; or its comment says that it is for
people, who read it with their own eyes."""

import re

import gate

FOR_PEOPLE = "for people"
NO_COLUMN = ("primary", "unique", "check", "foreign", "constraint", "like", "exclude")


def bare(sql):
    """Without comments and literals."""
    return re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--[^\n]*", "", sql))


def words(sql):
    """All words but the columns that are only written: those of an insert's list, and those left of a `=` after set."""
    text = re.sub(r"(insert into \w+(?: as \w+)?)\s*\([^)]*\)", r"\1", bare(sql).lower())
    text = re.sub(r"\b(set|,)\s*\w+\s*=(?!=)", r"\1 ", text)
    return set(re.findall(r"[a-z_][a-z_0-9]*", text))


def tables(text):
    """(table, column, line, comment) of each column in create table (...)."""
    table = None
    for number, line in enumerate(text.splitlines(), 1):
        begins = re.match(r"create table (\w+) \($", line)
        if begins:
            table = begins[1]
        elif table and line.startswith(")"):
            table = None
        elif table:
            column = re.match(r"    ([a-z_]\w*)\s+\w", line)  # further lines of a definition are indented more
            if column and column[1] not in NO_COLUMN:
                yield table, column[1], number, line.partition("--")[2]


users = [words(gate.read(path)) for path in gate.files(".sql", under=["sql/statements"])]
places = []
found = 0
for path in gate.files(".sql", under=["sql/migrations"]):
    text = gate.read(path)
    users += [words(body) for body in re.findall(r"create (?:or replace )?function.*?\$\$(.*?)\$\$", text, re.S)]
    users += [words(body) for body in re.findall(r"create (?:or replace )?view(.*?);", text, re.S)]
    for table, column, line, comment in tables(text):
        found += 1
        names = (table, f"{table}_history")
        if FOR_PEOPLE in comment or any(column in used and any(n in used for n in names) for used in users):
            continue
        places.append((gate.name(path), line, f"no statement reads {table}.{column}: drop it, or say in its comment that it is {FOR_PEOPLE}"))
if found == 0:
    places.append(("sql/migrations", 1, "no column was found"))
gate.verdict("columns: each is read by a statement, or said to be for people", places)
