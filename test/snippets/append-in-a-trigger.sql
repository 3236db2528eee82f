create function order_delivered() returns trigger language plpgsql as $$
begin
  perform commitcast.append(
    'order.delivered', new.id, json_build_object('customerId', new."customerId", 'bookId', new."bookId"));
  return null;
end $$;

create trigger order_delivered after update on orders
  for each row when (old.status <> 'delivered' and new.status = 'delivered')
  execute function order_delivered();
