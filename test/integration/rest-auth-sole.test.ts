import { it } from 'vitest';
import { startNeda } from '../_support/neda.ts';
import { createDatabase } from '../_support/postgres.ts';

it('a process that is the only one on its database can still demote, disable and delete admins', async () => {
  await using database = await createDatabase();
  await using neda = await startNeda({ databaseUrl: database.url });
  const token = (await neda.rest.login('admin')).accessToken;
  for (const change of [{ role: 'user' }, { disabled: true }]) {
    const username = `admin-${Object.keys(change).join('')}`;
    const { id } = await neda.rest.createUser(token, { username, role: 'admin' });
    await neda.rest.expect(200, 'PATCH', `/api/v1/admin/users/${id}`, { token, body: change });
  }
  const { id } = await neda.rest.createUser(token, { username: 'admin-deleted', role: 'admin' });
  await neda.rest.expect(204, 'DELETE', `/api/v1/admin/users/${id}`, { token });
});
