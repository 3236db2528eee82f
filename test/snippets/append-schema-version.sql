select commitcast.append(
  'customer.joined',
  'customer-7',
  '{"firstName": "Ada", "lastName": "Lovelace", "joinedOn": "2026-01-31T00:00:00Z"}',
  '{"version": "2", "notes": "{\"values\":{\"joinedOn\":[\"Date\"]},\"v\":1}"}'
);
