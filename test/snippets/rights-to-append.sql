grant usage on schema commitcast to shop_writer;
grant select, insert on commitcast.outbox to shop_writer;
grant select on commitcast.topic, commitcast.sleeping_relay to shop_writer;
-- For events with personal fields.
grant select, insert on commitcast.subject_key to shop_writer;
