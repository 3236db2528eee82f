select commitcast.append_to_aggregate('room', 'r1', 5, json_build_array(
  json_build_object('type', 'room.closed', 'data', json_build_object(), 'headers', json_build_object('actor', 'cron'))));
