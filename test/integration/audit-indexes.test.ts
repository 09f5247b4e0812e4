import postgres from 'postgres';
import { v7 as uuid } from 'uuid';
import { expect, it } from 'vitest';
import { createDatabase } from '../_support/postgres.ts';

it('what concerns a user is found by indexes', async () => {
  await using database = await createDatabase();
  const sql = postgres(database.url, { max: 1 });
  await sql`insert into audit (id, actor_type, action, result, request_id, details)
    select gen_random_uuid(), 'system', 'test', 'success', 'many', jsonb_build_object('userId', gen_random_uuid())
    from generate_series(1, 20000)`;
  await sql`analyze audit`;
  const userId = uuid();
  const plan = await sql`explain select * from audit where actor_user_id = ${userId}
    or (target_type = 'user' and target_id = ${userId})
    or details ->> 'userId' = ${userId} or details ->> 'previousManagerId' = ${userId}`;
  const text = JSON.stringify(plan);
  for (const index of ['audit_actor', 'audit_target', 'audit_details_user', 'audit_details_previous_manager']) {
    expect(text).toContain(index);
  }
  expect(text).not.toContain('Seq Scan');
  await sql.end();
});
