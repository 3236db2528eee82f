update orders set status = 'delivered' where id = 'order-42'
returning commitcast.append('order.delivered', id, json_build_object('customerId', "customerId", 'bookId', "bookId"));
