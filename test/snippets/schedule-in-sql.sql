select commitcast.schedule('remind/42', now() + interval '1 day', 'order.reminded', '42', '{"customerId": "ada"}');
select commitcast.unschedule('remind/42');
