-- Who has, and who is being given, the floor.
-- returns 'publishers', {talk id, identity} of the open talk, the same of the reservation, talk that it pre-empts
settle()
return reply('publishers', talk and { talk.id, talk.identity } or {}, pending and { pending.id, pending.identity } or {},
  pending and pending.over or '')
