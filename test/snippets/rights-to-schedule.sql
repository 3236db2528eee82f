grant select, insert, update, delete on commitcast.scheduled_event to shop_writer;
