/* SPDX-License-Identifier: MIT
 * Every bound of the program, with its unit and reason. Each module has a section of its own. */
#ifndef LIB_BASE_LIMITS_H
#define LIB_BASE_LIMITS_H

/* YAML: files that people write. Deeper or larger ones are mistakes or attacks. */
#define YAML_BYTES_MAX (1024 * 1024)
#define YAML_DEPTH_MAX 64
#define YAML_NODES_MAX 100000
#define DIAG_ERRORS_MAX 20 /* kept for each file and level; the rest is counted */
#define DIAG_FILES_MAX 10000  /* files with a diagnostic or a source */
#define DIAG_MESSAGE_BYTES_MAX 1000 /* one message; a file must not flood the reader */
#define DIAG_LINE_COLUMNS_MAX 100   /* of a source line that is shown */

/* Text: folding allocates up to 18 times the input. */
#define TEXT_FOLD_BYTES_MAX (1024 * 1024)
#define TEXT_MARKS_MAX 30 /* combining marks in a row: the Stream-Safe Text Format of UAX #15 */

/* Time zones: the largest file of the system's database has 4 KiB. */
#define ZONE_BYTES_MAX (64 * 1024)

/* HTTP server: what a stranger may cost us. PagerDuty drops webhooks over 256 KiB itself. */
#define HTTP_SERVER_BODY_BYTES_MAX (512 * 1024)
#define HTTP_SERVER_BODIES_BYTES_MAX (64 * 1024 * 1024) /* all requests in hand */
#define HTTP_SERVER_CONNECTIONS_MAX 1000
#define HTTP_SERVER_HEADER_BYTES_MAX (16 * 1024) /* libmicrohttpd's memory for one connection */
#define HTTP_SERVER_ANSWER_HEADERS_MAX 8         /* that a handler may add */
#define HTTP_SERVER_REQUEST_MS 10000
#define HTTP_SERVER_ANSWER_MS 30000
#define HTTP_SERVER_IDLE_S 30 /* a connection on which nothing moves */

/* HTTP client. */
#define HTTP_CLIENT_CONNECTIONS_MAX 8 /* to one host */
#define HTTP_CLIENT_CALLS_MAX 1000    /* running or in line */
#define HTTP_CLIENT_TIMEOUT_MS 20000
#define HTTP_CLIENT_CONNECT_MS 10000
#define HTTP_CLIENT_BODY_BYTES_MAX (4 * 1024 * 1024)
#define HTTP_CLIENT_HEADER_BYTES_MAX (64 * 1024) /* of one reply */
#define HTTP_CLIENT_NAME_MS 30000                /* how long a looked-up name is used again */

/* PagerDuty: its own limits (reference of the vendor), and ours around it. */
#define PAGERDUTY_REQUEST_MS 20000          /* one request; who looks after a doubtful write waits longer */
#define PAGERDUTY_REPLY_BYTES_MAX (32 * 1024 * 1024) /* one page: an event may hold 512 KB of details */
#define PAGERDUTY_PAGE 100
#define PAGERDUTY_ALERTS_PAGE 50
#define PAGERDUTY_ALERTS_MAX 1000
#define PAGERDUTY_INCIDENTS_MAX 10000       /* offset + limit may not pass it */
#define PAGERDUTY_SUBSCRIPTIONS_MAX 1000
#define PAGERDUTY_LIST_BYTES_MAX (64 * 1024 * 1024) /* all pages of one list */
#define PAGERDUTY_NOTE_CHARACTERS_MAX 65535
#define PAGERDUTY_WAIT_MS 5000              /* after a 429 that does not say how long */
#define PAGERDUTY_WAIT_MS_MAX 60000         /* the window of its rate limit */
#define PAGERDUTY_REMAINING_LEAST 10        /* others with our token send too: stop before it is 0 */
#define PAGERDUTY_ID_BYTES_MAX 64
#define PAGERDUTY_PRIORITIES_MS 3600000     /* how long the list of priorities is remembered */
#define WRITER_ARENA_BYTES_MAX (16 * 1024 * 1024) /* a page of an incident's log, as events */
#define PAGERDUTY_QUOTE_BYTES 200           /* of an answer, in an error text */

/* Reconciler. */
#define RECONCILER_SCOPES_MAX 64   /* subscriptions of an account that are ours */
#define RECONCILER_LOOKS_MAX 500    /* incidents read in one round, budget allowing */
#define RECONCILER_EVENTS_MAX 128   /* found at once: a page of incidents, or the hands of one */
#define RECONCILER_ARENA_BYTES (16 * 1024 * 1024)

/* Postgres lanes. */
#define PG_WINDOW_STATEMENTS 200 /* in flight on a connection: more would let both sides block on full buffers */
#define PG_WAITING_MAX 10000     /* groups queued while the database is away */
#define PG_PARKED_MAX 2          /* connections parked; x lanes x nodes x 2 must stay below max_connections */
#define PG_SHARED_MAX 32         /* groups that share one commit: each waits for the work of all */
#define PG_STATEMENTS_MAX 1000   /* in one group */
#define PG_VALUES_MAX 64         /* of one statement */
#define PG_GROUP_BYTES_MAX (64 * 1024 * 1024)
#define PG_HOSTS_MAX 16          /* in one conninfo */
#define PG_PASSWORD_BYTES 1024

/* Name look-up. A hanging one holds a thread of a pool of four, which file reads need too. */
#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_NAMES_MAX 256 /* remembered */
#define RESOLVE_HANGING_MAX 64
#define RESOLVE_STALE_MS 3600000
/* Webhooks. PagerDuty drops what is over 256 KiB; ids it sends are 14 to 36 bytes. */
#define WEBHOOK_TEXT_BYTES_MAX 4096 /* of one text taken from a body; titles are at most 1024 characters */
#define WEBHOOK_KEY_BYTES_MAX 255   /* of an incident's id: an index row must hold it */
#define WEBHOOK_SIGNATURES_MAX 8    /* in one header: two while a secret is rotated */

/* SSH: output is evidence for people, not a file transfer; what is longer is cut and drained. */
#define SSH_OUTPUT_BYTES_MAX (1024 * 1024) /* default and most, for each of stdout and stderr */
#define SSH_INPUT_BYTES_MAX (1024 * 1024)  /* script and values */
#define SSH_COMMAND_BYTES_MAX (32 * 1024)  /* libssh2 sends it in one packet */
#define SSH_OPERATIONS_MAX 20000           /* waiting and running, for each node */
#define SSH_SESSIONS_MAX 4000              /* descriptors */
#define SSH_TROUBLES_MAX 64                /* hosts that are shown as not reached */
#define SSH_KEY_BYTES_MAX (64 * 1024)      /* private key and passphrase files */
#define SSH_FOLDER_BYTES_MAX 48            /* sun_path is 108; ssh adds 17 of its own while it binds */
#define SSH_HANDSHAKES_ALL 64              /* defaults of struct ssh_settings */
#define SSH_HANDSHAKES_HOST 4              /* sshd drops at random from 10 unauthenticated ones on */
#define SSH_CHANNELS_SESSION 8             /* sshd's MaxSessions is 10 */
#define SSH_IDLE_MS 60000
#define SSH_KEEPALIVE_MS 15000
#define SSH_USER_TIMEOUT_MS 30000
#define SSH_RESOLVE_MS 5000
#define SSH_CONNECT_MS 10000
#define SSH_HANDSHAKE_MS 10000
#define SSH_LOGIN_MS 15000
#define SSH_OPEN_MS 10000
#define SSH_SEND_MS 10000
#define SSH_EXIT_MS 5000
#define SSH_DEADLINE_MS 300000             /* of an operation that names none */
#define SSH_SESSIONS_GROUP_MAX 32          /* sessions to one destination */
#define SSH_RETRIES_MAX 5                  /* connections in a row that a busy server dropped */
#define SSH_RETRY_MS 100                   /* before the next, times the count, plus as much again at random */
#define SSH_REFUSALS_MAX 8                 /* of a channel, before it is believed */
#define SSH_RECONNECTS_MAX 1               /* of an operation whose session broke before its command was sent */
#define SSH_MOVES_PER_TURN_MAX 64          /* steps of one session before others have their turn */
#define SSH_READ_BYTES_PER_TURN (64 * 1024)

/* known_hosts: OpenSSH's own form. */
#define KNOWN_HOSTS_BYTES_MAX (4 * 1024 * 1024)
#define KNOWN_HOSTS_LINES_MAX 100000
#define KNOWN_HOSTS_LINE_BYTES_MAX (32 * 1024) /* an RSA key of 16384 bits needs 2.8 KiB; comma lists are long */

/* Redaction. */
#define REDACT_SECRETS_MAX 10000
#define REDACT_SECRET_BYTES_MAX 4096
#define REDACT_HELD_BYTES_MAX (16 * 1024)  /* a whole secret URL-encoded is 3 times as long */
#define REDACT_BLOCK_BYTES_MAX (32 * 1024) /* of a private key; RSA of 16384 bits has 13 KiB */

/* Wrapper: what goes to a machine's shell and comes back. */
#define WRAPPER_STDIN_BYTES_MAX (8 * 1024 * 1024) /* quoting may make a quote 13 bytes; scripts are far smaller */
#define WRAPPER_VALUE_BYTES_MAX (64 * 1024)
#define WRAPPER_VALUES_MAX 256
#define WRAPPER_OUT_BYTES (64 * 1024)        /* sent back of a recover unless the task says otherwise */
#define WRAPPER_OUT_BYTES_MAX (1024 * 1024)  /* the most a task may ask for; lies on the machine's disk or memory */
#define WRAPPER_TIMEOUT_S_MAX 86400
/* Packs: sets of files. */
#define PACK_FILES_MAX 20000
#define PACK_FOLDERS_DEEP_MAX 16
#define PACK_NAME_BYTES_MAX 1024

/* Runs and the sets they use. */
#define LIBRARY_SHELVES 8                          /* sets kept that are not the node's own (two a reload) */
#define LIBRARY_SET_BYTES_MAX (72 * 1024 * 1024)   /* an inventory's 64 MiB and the names of its files */
#define RUN_ARENA_BYTES_MAX (8 * 1024 * 1024)      /* of one run: row, values, outputs */
#define WRAPPER_ANSWER_BYTES_MAX (256 * 1024)      /* kept of one answer; what judges must fit */
#define RUN_STEPS_TOLD_MAX 64                      /* step attempts kept for the ending note */
#define RUN_DOUBTS_TOLD_MAX 6                      /* sentences on doubt in the ending note */
#define RUN_OUTPUT_BYTES_MAX (64 * 1024)           /* of one step, in the journal */
#define RUN_CHANGE_BYTES_MAX (1024 * 1024)         /* of one write */
#define RUN_ALERTS_MAX 1000                        /* PagerDuty's own limit */
/* Patterns of scenarios. Titles are written by strangers, so one look must cost a bounded time. */
#define PATTERN_BYTES_MAX 1024            /* as written */
#define PATTERN_CODE_BYTES_MAX (32 * 1024) /* compiled, with its call-outs; a{1000}{60} would be megabytes */
#define PATTERN_NEST_MAX 32               /* parentheses */
#define PATTERN_GROUPS_MAX 32             /* named groups */
#define PATTERN_STEPS_MAX 100000          /* PCRE2's match limit at one position of a short subject */
#define PATTERN_STEPS_MIN 1000            /* and of a long one */
#define PATTERN_STEPS_ALL 16000000        /* over all positions of a subject, at most some 150 ms */
#define PATTERN_DEPTH_MAX 1000
#define PATTERN_HEAP_KIB_MAX 1024
#define PATTERN_FIND_STEPS 20 /* what a counted pattern costs before it tries anything */
#define PATTERN_STEP_BYTES 16 /* gone over at the cost of a step */

/* Judgements. */
#define JUDGEMENT_BYTES_MAX 1024
#define JUDGEMENT_TERMS_MAX 32
#define JUDGEMENT_NODES_MAX 128 /* terms, and what joins them */
#define JUDGEMENT_NEST_MAX 16
/* Settings and inventory. */
#define SECRET_BYTES_MAX 4096
#define SETTINGS_ARENA_BYTES_MAX (128 * 1024 * 1024) /* the largest file allowed, as nodes */
#define SETTINGS_SECRETS_BYTES_MAX (8 * 1024 * 1024)
#define INVENTORY_BYTES_MAX (64 * 1024 * 1024)       /* all files together */
#define INVENTORY_NODES_MAX 4000000                  /* of one file */
#define INVENTORY_ARENA_BYTES_MAX ((size_t)2 * 1024 * 1024 * 1024)
#define INVENTORY_HOSTS_MAX 500000
#define INVENTORY_NAMES_MAX 32 /* aliases of one host */

/* Scenarios: files that people write; beyond these a file is a program. */
#define SCENARIO_STEPS_MAX 64
#define SCENARIO_VALUES_MAX 32
#define SCENARIO_SOURCES_MAX 16
#define SCENARIO_CHOICES_MAX 256
#define SCENARIO_MATCHERS_MAX 64
#define SCENARIO_TITLE_BYTES_MAX 200
#define SCENARIO_SCRIPT_BYTES_MAX (64 * 1024)
#define SCENARIO_SAY_BYTES_MAX 1000
#define SCENARIO_SET_MAX 20000
#define SCENARIO_SET_BYTES_MAX (64 * 1024 * 1024)   /* all files of a set */
#define SCENARIO_SET_ARENA_MAX (1024 * 1024 * 1024) /* parsed: trees, patterns */

/* Values. */
#define VALUE_TEXT_BYTES_MAX (64 * 1024)
#define VALUE_TEXT_BYTES 1024 /* when a text's `longest` is absent */
#define VALUE_SEEN_BYTES 80   /* of what was seen, in the words for a hand-over */
#define VALUE_PATH_PARTS_MAX 16 /* of alert.details.A.B */
#define VALUE_TARGETS_MAX 16  /* different names in an incident's alerts */

/* Matching. */
#define MATCH_TITLE_CHARS_MAX 1024 /* PagerDuty's own limit; counted in NFKC, which makes 18 of some */
#define MATCH_TITLE_BYTES_MAX (4 * MATCH_TITLE_CHARS_MAX)
#define MATCH_STEPS_MAX 50000         /* of work on one title, each 10 to 20 ns: a person takes it beyond that */
#define MATCH_PATTERN_STEPS_MAX 10000 /* of one look for one pattern of a scenario */
#define MATCH_TOKENS_MAX 8    /* keyword tokens in a title */
#define MATCH_PAIRS_MAX 32    /* inline values of a token */
#define MATCH_LITERAL_BYTES_MIN 3  /* a shorter one is in nearly every title */
#define MATCH_LITERAL_BYTES_MAX 64 /* of it, in the index */
#define MATCH_ALWAYS_MAX 100       /* scenarios that are tried for every title */
#define MATCH_INDEX_NODES_MAX (64 * 1024 * 1024)
#define MATCH_INDEX_LIST_MAX 16    /* children of a state that are looked through; more have a table */

/* `firstline dev`. */
#define DEV_INCIDENTS_MAX 500     /* shown; a person posts a few dozen */
#define DEV_DISK_MIB_MIN 150      /* its Postgres has 50 after a minute */
#define DEV_TITLE_BYTES_MAX 4200  /* 1,024 characters */
#define DEV_NOTE_LINES_MAX 40     /* of one note on the terminal; the web view has all */
#define DEV_LINE_BYTES_MAX 600    /* longer than any sentence of the demo: what was found stands at its end */
#define DEV_TAIL_LINES 15         /* of a log, when something failed */
#define DEV_ANSWER_BYTES_MAX (16 * 1024 * 1024)

#endif
