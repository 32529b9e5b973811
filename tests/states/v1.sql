BEGIN TRANSACTION;
CREATE TABLE error (
    request_id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    failed_at TEXT NOT NULL,
    kind TEXT NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    item TEXT NOT NULL
);
INSERT INTO "error" VALUES('a26a1104-ab8a-4f9e-a26d-bd3e6b793cfc',1,'2026-11-28T17:22:17.069Z','records','my-logs','quarantined.log','{"request_id":"a26a1104-ab8a-4f9e-a26d-bd3e6b793cfc","kind":"records","events":[{"aws_region":"local","event_time":"2026-01-01T00:00:00.000Z","event_name":"ObjectCreated:Put","bucket_name":"my-logs","bucket_arn":"arn:aws:s3:::my-logs","object_key":"quarantined.log","object_size":22,"object_etag":"{quarantined.log}","dest_stream":"v1-EventFastStream-local","lane":"fast","object_version_id":null,"object_sequencer":null,"records":[[2,2]],"reader":"s3-lines","replay":null}],"stage":"parse","error_type":"RecordError","message":"record 2: not JSON: Expecting value: line 1 column 1 (char 0)","traceback":"Traceback (most recent call last):\n  File \"/usr/lib/python3/slips/chain.py\", line 98, in run\n    event = parse(meta, record)\n            ^^^^^^^^^^^^^^^^^^^\n  File \"/usr/lib/python3/slips/formats/general.py\", line 46, in json\n    value = load_json(raw)\n            ^^^^^^^^^^^^^^\n  File \"/usr/lib/python3/slips/formats/general.py\", line 31, in load_json\n    raise RecordError(f\"not JSON: {error}\") from None\nslips.errors.RecordError: not JSON: Expecting value: line 1 column 1 (char 0)\n","failed_at":"2026-11-28T17:22:17.069Z","fingerprint":"c091476c91","records":[[2,2]],"samples":[{"seq":2,"reason":"not JSON: Expecting value: line 1 column 1 (char 0)","raw":"bad"}],"code_version":"a9b99b4f0614"}');
INSERT INTO "error" VALUES('f515aef9-a461-46b6-8dbf-eceb20c07fd9',1,'2026-11-28T17:22:18.369Z','object','my-logs','failed.log','{"request_id":"f515aef9-a461-46b6-8dbf-eceb20c07fd9","events":[{"aws_region":"local","event_time":"2026-01-01T00:00:00.000Z","event_name":"ObjectCreated:Put","bucket_name":"my-logs","bucket_arn":"arn:aws:s3:::my-logs","object_key":"failed.log","object_size":10,"object_etag":"{failed.log}","dest_stream":"v1-EventFastStream-local","lane":"fast","object_version_id":null,"object_sequencer":null,"records":null,"reader":null,"replay":null}],"stage":"handler","error_type":"ValueError","message":"s3://my-logs/failed.log: record 1: H.recv raised ValueError: 13","traceback":"Traceback (most recent call last):\n  File \"/usr/lib/python3/slips/chain.py\", line 120, in run\n    recv(meta, event)\n  File \"/home/me/handler.py\", line 5, in recv\n    raise ValueError(\"13\")\nValueError: 13\n","failed_at":"2026-11-28T17:22:18.369Z","attempts":3,"fingerprint":"1c2a2fe42e","seq":1,"code_version":"a9b99b4f0614"}');
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
INSERT INTO "lane" VALUES(7,'fast','my-logs','waiting.log','{"aws_region":"local","event_time":"2026-01-01T00:00:00.000Z","event_name":"ObjectCreated:Put","bucket_name":"my-logs","bucket_arn":"arn:aws:s3:::my-logs","object_key":"waiting.log","object_size":18,"object_etag":"{waiting.log}","dest_stream":"v1-EventFastStream-local","lane":"fast","object_version_id":null,"object_sequencer":null,"records":null,"reader":null,"replay":null}','98d795f7-cab5-4bb3-97dc-95a68164db1c',0,1,1.79588654278973579411e+09);
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
INSERT INTO "ledger" VALUES('["my-logs","debug/dropped.log","{debug/dropped.log}",null,null]','my-logs','debug/dropped.log','{debug/dropped.log}','dropped','',NULL,1.79588653640932655337e+09);
INSERT INTO "ledger" VALUES('["my-logs","dismissed.log","{dismissed.log}",null,null]','my-logs','dismissed.log','{dismissed.log}','dismissed','',NULL,1.79588653974639463417e+09);
INSERT INTO "ledger" VALUES('["my-logs","done.log","{done.log}",null,null]','my-logs','done.log','{done.log}','done','','{"records":1,"delivered":1,"filtered":0,"quarantined":0,"events":1,"bytes_in":9,"bytes_out":9,"first_timestamp":1767225600.0,"last_timestamp":1767225600.0,"rules":{},"results":{"H":null},"identity":"{done.log}","etag":"{done.log}"}',1.79588653708126831055e+09);
INSERT INTO "ledger" VALUES('["my-logs","failed.log","{failed.log}",null,null]','my-logs','failed.log','{failed.log}','failed','f515aef9-a461-46b6-8dbf-eceb20c07fd9','{"records":0,"delivered":0,"filtered":0,"quarantined":0,"events":0,"bytes_in":10,"bytes_out":10,"first_timestamp":1767225600.0,"last_timestamp":1767225600.0,"rules":{},"results":{},"identity":"{failed.log}","etag":"{failed.log}"}',1.79588653837009620665e+09);
INSERT INTO "ledger" VALUES('["my-logs","quarantined.log","{quarantined.log}",null,null]','my-logs','quarantined.log','{quarantined.log}','done','','{"records":3,"delivered":2,"filtered":0,"quarantined":1,"events":2,"bytes_in":22,"bytes_out":22,"first_timestamp":1767225600.0,"last_timestamp":1767225600.0,"rules":{},"results":{"H":null},"identity":"{quarantined.log}","etag":"{quarantined.log}"}',1.79588653706940817832e+09);
INSERT INTO "ledger" VALUES('["my-logs","replayed.log","{replayed.log}",[[2,2]],"4b735cba-d8c0-459f-8720-361b90a0b34f@1"]','my-logs','replayed.log','{replayed.log}','done','','{"records":1,"delivered":1,"filtered":0,"quarantined":0,"events":1,"bytes_in":22,"bytes_out":22,"first_timestamp":1767225600.0,"last_timestamp":1767225600.0,"rules":{},"results":{"H":null},"identity":"{replayed.log}","etag":"{replayed.log}"}',1.79588654207076334947e+09);
INSERT INTO "ledger" VALUES('["my-logs","replayed.log","{replayed.log}",null,null]','my-logs','replayed.log','{replayed.log}','done','','{"records":3,"delivered":2,"filtered":0,"quarantined":1,"events":2,"bytes_in":22,"bytes_out":22,"first_timestamp":1767225600.0,"last_timestamp":1767225600.0,"rules":{},"results":{"H":null},"identity":"{replayed.log}","etag":"{replayed.log}"}',1.79588653708543634409e+09);
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE INDEX lane_object ON lane (bucket, key);
CREATE INDEX ledger_object ON ledger (bucket, key);
CREATE INDEX error_time ON error (failed_at, request_id);
CREATE INDEX error_object ON error (bucket, key);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('lane',7);
COMMIT;
PRAGMA user_version=1;
