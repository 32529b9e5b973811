BEGIN TRANSACTION;
CREATE TABLE absent (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    since REAL NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE error (
    request_id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    failed_at TEXT NOT NULL,
    kind TEXT NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    item TEXT NOT NULL
);
INSERT INTO "error" VALUES('a2130e9b-bb99-4419-a69a-6c8bef886a92',1,'2026-11-29T13:26:38.409Z','records','my-logs','quarantined.log','{"request_id":"a2130e9b-bb99-4419-a69a-6c8bef886a92","kind":"records","events":[{"aws_region":"local","event_time":"2026-11-29T13:26:38.215Z","event_name":"ObjectCreated:Put","bucket_name":"my-logs","bucket_arn":"arn:aws:s3:::my-logs","object_key":"quarantined.log","object_size":22,"object_etag":"7aed0d658ab12c6979e3b2c91afd0a7b","dest_stream":"test-EventFastStream-local","lane":"fast","object_version_id":null,"object_sequencer":null,"quoted":null,"records":[[2,2]],"reader":"json-lines/2","replay":null,"member":null}],"stage":"parse","error_type":"RecordError","message":"record 2: not JSON: Expecting value: line 1 column 1 (char 0)","traceback":"Traceback (most recent call last):\n  File \"<slips: s3-lines, json>\", line 17, in run\n    raise record.error()\nslips.errors.RecordError: not JSON: Expecting value: line 1 column 1 (char 0)\n","failed_at":"2026-11-29T13:26:38.409Z","fingerprint":"c091476c91","records":[[2,2]],"samples":[{"seq":2,"reason":"not JSON: Expecting value: line 1 column 1 (char 0)","raw":"bad"}],"handler":"handler.py","code_version":"13310f62fb62"}');
INSERT INTO "error" VALUES('eee7b3e6-686b-412a-b738-17f59e548e01',1,'2026-11-29T13:26:38.410Z','records','my-logs','replayed.log','{"request_id":"eee7b3e6-686b-412a-b738-17f59e548e01","kind":"records","events":[{"aws_region":"local","event_time":"2026-11-29T13:26:38.215Z","event_name":"ObjectCreated:Put","bucket_name":"my-logs","bucket_arn":"arn:aws:s3:::my-logs","object_key":"replayed.log","object_size":22,"object_etag":"7aed0d658ab12c6979e3b2c91afd0a7b","dest_stream":"test-EventFastStream-local","lane":"fast","object_version_id":null,"object_sequencer":null,"quoted":null,"records":[[2,2]],"reader":"json-lines/2","replay":null,"member":null}],"stage":"parse","error_type":"RecordError","message":"record 2: not JSON: Expecting value: line 1 column 1 (char 0)","traceback":"Traceback (most recent call last):\n  File \"<slips: s3-lines, json>\", line 17, in run\n    raise record.error()\nslips.errors.RecordError: not JSON: Expecting value: line 1 column 1 (char 0)\n","failed_at":"2026-11-29T13:26:38.410Z","fingerprint":"c091476c91","records":[[2,2]],"samples":[{"seq":2,"reason":"not JSON: Expecting value: line 1 column 1 (char 0)","raw":"bad"}],"handler":"handler.py","code_version":"13310f62fb62"}');
INSERT INTO "error" VALUES('78394754-ce96-4f6c-a46d-2dc76bcb5a34',1,'2026-11-29T13:26:39.712Z','object','my-logs','failed.log','{"request_id":"78394754-ce96-4f6c-a46d-2dc76bcb5a34","events":[{"aws_region":"local","event_time":"2026-11-29T13:26:38.215Z","event_name":"ObjectCreated:Put","bucket_name":"my-logs","bucket_arn":"arn:aws:s3:::my-logs","object_key":"failed.log","object_size":10,"object_etag":"2d059ad9acad2cda74bd9d6e2d2b426a","dest_stream":"test-EventFastStream-local","lane":"fast","object_version_id":null,"object_sequencer":null,"quoted":null,"records":null,"reader":null,"replay":null,"member":null}],"stage":"handler","error_type":"ValueError","message":"s3://my-logs/failed.log: record 1: H.recv raised ValueError: told to","traceback":"Traceback (most recent call last):\n  File \"<slips: s3-lines, json>\", line 51, in run\n    returned = recv(meta, event)\n               ^^^^^^^^^^^^^^^^^\n  File \"/project/handler.py\", line 10, in recv\n    if event.get(\"n\") == 13: raise ValueError(\"told to\")\n                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^\nValueError: told to\n","failed_at":"2026-11-29T13:26:39.712Z","attempts":3,"fingerprint":"62f1b7c576","seq":1,"event":{"n":13},"handler":"handler.py","code_version":"13310f62fb62"}');
CREATE TABLE file (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    stamp TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
INSERT INTO "file" VALUES('my-logs','dismissed.log','{dismissed.log}','16dcf9a20b87250f1df5ba470026237f');
INSERT INTO "file" VALUES('my-logs','done.log','{done.log}','372f279dec24e545b8b362b351ad1e13');
INSERT INTO "file" VALUES('my-logs','failed.log','{failed.log}','2d059ad9acad2cda74bd9d6e2d2b426a');
INSERT INTO "file" VALUES('my-logs','quarantined.log','{quarantined.log}','7aed0d658ab12c6979e3b2c91afd0a7b');
INSERT INTO "file" VALUES('my-logs','replayed.log','{replayed.log}','7aed0d658ab12c6979e3b2c91afd0a7b');
CREATE TABLE lane (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane TEXT NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    event TEXT NOT NULL,
    request_id TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    whole INTEGER NOT NULL,
    put_at REAL NOT NULL
);
INSERT INTO "lane" VALUES(6,'fast','my-logs','waiting.log','{"aws_region":"local","event_time":"2026-11-29T13:26:39.756Z","event_name":"ObjectCreated:Put","bucket_name":"my-logs","bucket_arn":"arn:aws:s3:::my-logs","object_key":"waiting.log","object_size":18,"object_etag":"{waiting.log}","dest_stream":"test-EventFastStream-local","lane":"fast","object_version_id":null,"object_sequencer":null,"quoted":null,"records":null,"reader":null,"replay":null,"member":null}','fbe4602b-3f54-4766-8f01-8c5c9a21f899',0,1,1.79595879975691699982e+09);
CREATE TABLE ledger (
    entry TEXT PRIMARY KEY,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    identity TEXT NOT NULL,
    status TEXT NOT NULL,
    request_id TEXT NOT NULL DEFAULT '',
    outcome TEXT,
    updated_at REAL NOT NULL
) WITHOUT ROWID;
INSERT INTO "ledger" VALUES('["my-logs","debug/dropped.log","{debug/dropped.log}",null,null]','my-logs','debug/dropped.log','{debug/dropped.log}','dropped','',NULL,1.79595879821855735781e+09);
INSERT INTO "ledger" VALUES('["my-logs","dismissed.log","16dcf9a20b87250f1df5ba470026237f",null,null]','my-logs','dismissed.log','16dcf9a20b87250f1df5ba470026237f','dismissed','',NULL,1.79595879975493884087e+09);
INSERT INTO "ledger" VALUES('["my-logs","done.log","372f279dec24e545b8b362b351ad1e13",null,null]','my-logs','done.log','372f279dec24e545b8b362b351ad1e13','done','','{"records":1,"delivered":1,"filtered":0,"quarantined":0,"events":1,"bytes_in":9,"bytes_out":9,"first_timestamp":1795958798.215,"last_timestamp":1795958798.215,"rules":{},"results":{"H":[1]},"identity":"372f279dec24e545b8b362b351ad1e13","etag":"372f279dec24e545b8b362b351ad1e13","filtered_by":""}',1.79595879840564417841e+09);
INSERT INTO "ledger" VALUES('["my-logs","failed.log","2d059ad9acad2cda74bd9d6e2d2b426a",null,null]','my-logs','failed.log','2d059ad9acad2cda74bd9d6e2d2b426a','failed','78394754-ce96-4f6c-a46d-2dc76bcb5a34','{"records":0,"delivered":0,"filtered":0,"quarantined":0,"events":0,"bytes_in":10,"bytes_out":10,"first_timestamp":1795958798.215,"last_timestamp":1795958798.215,"rules":{},"results":{},"identity":"2d059ad9acad2cda74bd9d6e2d2b426a","etag":"2d059ad9acad2cda74bd9d6e2d2b426a","filtered_by":""}',1.79595879971289086344e+09);
INSERT INTO "ledger" VALUES('["my-logs","quarantined.log","7aed0d658ab12c6979e3b2c91afd0a7b",null,null]','my-logs','quarantined.log','7aed0d658ab12c6979e3b2c91afd0a7b','done','','{"records":3,"delivered":2,"filtered":0,"quarantined":1,"events":2,"bytes_in":22,"bytes_out":22,"first_timestamp":1795958798.215,"last_timestamp":1795958798.215,"rules":{},"results":{"H":[1,3]},"identity":"7aed0d658ab12c6979e3b2c91afd0a7b","etag":"7aed0d658ab12c6979e3b2c91afd0a7b","filtered_by":""}',1.79595879840935325616e+09);
INSERT INTO "ledger" VALUES('["my-logs","replayed.log","7aed0d658ab12c6979e3b2c91afd0a7b",null,null]','my-logs','replayed.log','7aed0d658ab12c6979e3b2c91afd0a7b','done','','{"records":3,"delivered":2,"filtered":0,"quarantined":1,"events":2,"bytes_in":22,"bytes_out":22,"first_timestamp":1795958798.215,"last_timestamp":1795958798.215,"rules":{},"results":{"H":[1,3]},"identity":"7aed0d658ab12c6979e3b2c91afd0a7b","etag":"7aed0d658ab12c6979e3b2c91afd0a7b","filtered_by":""}',1.79595879841099524505e+09);
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE INDEX lane_object ON lane (bucket, key);
CREATE INDEX ledger_object ON ledger (bucket, key);
CREATE INDEX error_time ON error (failed_at, request_id);
CREATE INDEX error_object ON error (bucket, key);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('lane',6);
COMMIT;
PRAGMA user_version=2;
