PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE tailwater_leases (
    group_name TEXT NOT NULL,
    stream_name TEXT NOT NULL,
    shard_id TEXT NOT NULL,
    layout INTEGER NOT NULL,
    lease_owner TEXT,
    checkpoint_owner TEXT,
    lease_counter INTEGER NOT NULL,
    tenure INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    owner_switches_since_checkpoint INTEGER NOT NULL,
    checkpoint TEXT NOT NULL,
    checkpoint_sub_sequence_number INTEGER NOT NULL,
    checkpoint_state BLOB,
    pending_checkpoint TEXT,
    pending_checkpoint_sub_sequence_number INTEGER,
    pending_checkpoint_state BLOB,
    origin TEXT NOT NULL,
    parent_shard_ids TEXT,
    child_shard_ids TEXT,
    starting_hash_key TEXT,
    ending_hash_key TEXT,
    throughput_kbps REAL,
    PRIMARY KEY (group_name, stream_name, shard_id)
);
INSERT INTO tailwater_leases VALUES('billing','111122223333:orders:1700000000','shardId-000000000000',1,NULL,NULL,0,0,0,0,'TRIM_HORIZON',0,NULL,NULL,NULL,NULL,'TRIM_HORIZON',NULL,NULL,NULL,NULL,NULL);
INSERT INTO tailwater_leases VALUES('billing','111122223333:orders:1700000000','shardId-000000000001',1,'worker-1','労働者-2',9312,9300,17,2,'49646437577108476416916876405825929425585429676275269634',3,X'00ff7374617465','49646437577108476416916876405825929425585429676275269640',0,X'70656e64696e67','AT_TIMESTAMP 1441215410867','["shardId-000000000004","shardId-000000000005"]','["shardId-000000000006"]','0','340282366920938463463374607431768211455',412.24999999999999999);
INSERT INTO tailwater_leases VALUES('billing','111122223333:orders:1700000000','shardId-000000000002',1,'it''s "quoted"',NULL,9223372036854775807,1,0,0,'AT_TIMESTAMP',0,NULL,'SHARD_END',0,NULL,'LATEST',NULL,NULL,'0','170141183460469231731687303715884105727',NULL);
INSERT INTO tailwater_leases VALUES('billing','111122223333:orders:1700000000','shardId-000000000003',1,NULL,NULL,0,0,0,0,'SHARD_END',0,NULL,NULL,NULL,NULL,'TRIM_HORIZON',NULL,'["shardId-000000000008"]',NULL,NULL,NULL);
INSERT INTO tailwater_leases VALUES('billing','111122223333:orders:1700000000','shardId-000000000007',1,NULL,NULL,0,0,0,0,'LATEST',0,NULL,NULL,NULL,NULL,'TRIM_HORIZON',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE tailwater_workers (
    group_name TEXT NOT NULL,
    worker_id TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    beat INTEGER NOT NULL,
    is_leaving INTEGER NOT NULL,
    cpu_percent REAL,
    cpu_target REAL,
    leases_max INTEGER,
    stream_names TEXT,
    PRIMARY KEY (group_name, worker_id)
);
INSERT INTO tailwater_workers VALUES('billing','worker-1',2,1234,1,41.5,80.0,12,'["111122223333:orders:1700000000"]');
INSERT INTO tailwater_workers VALUES('billing','労働者-2',1,0,0,NULL,NULL,NULL,NULL);
CREATE TABLE tailwater_locks (
    group_name TEXT NOT NULL PRIMARY KEY,
    owner_name TEXT NOT NULL,
    record_version_number TEXT NOT NULL,
    lease_duration INTEGER NOT NULL
);
INSERT INTO tailwater_locks VALUES('billing','worker-1','0123456789abcdef0011223344556677',120000);
CREATE TABLE tailwater_groups (
    group_name TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    wishes TEXT NOT NULL,
    moves TEXT NOT NULL
);
INSERT INTO tailwater_groups VALUES('billing',1,'[{"Pause":{"key":{"group":"billing","stream":"111122223333:orders:1700000000","shard":"shardId-000000000000"}}},{"Move":{"key":{"group":"billing","stream":"111122223333:orders:1700000000","shard":"shardId-000000000001"},"to":"労働者-2"}},{"Seek":{"key":{"group":"billing","stream":"111122223333:orders:1700000000","shard":"shardId-000000000002"},"to":{"Through":{"sequence":"42","sub_sequence":1}},"at":null}},{"Seek":{"key":{"group":"billing","stream":"111122223333:orders:1700000000","shard":"shardId-000000000003"},"to":"AtTimestamp","at":1700000000123}}]','[{"key":{"group":"billing","stream":"111122223333:orders:1700000000","shard":"shardId-000000000001"},"from":"worker-1","to":null,"reason":"worker-1 has \"2\" too many","at":1700000000123},{"key":{"group":"billing","stream":"111122223333:orders:1700000000","shard":"shardId-000000000001"},"from":null,"to":"worker-1","reason":"worker-1 has \"2\" too many","at":1700000000123}]');
COMMIT;
