-- How a group stands, without doing what is due. Stands alone, without the prelude.
-- KEYS  as in the prelude
-- returns {voice session id or '' (not live), users seen in it, records that are not confirmed, now}; with a format
--         that this release does not know it stands as what is not answered: {false}
local stored = redis.call('GET', KEYS[3])
local state = stored and cmsgpack.unpack(stored) or {}
if (state.format or 1) > 1 then return { false } end
local clock = redis.call('TIME')
return {
  state.floor and state.floor.voice or '', redis.call('SCARD', KEYS[12]), redis.call('XLEN', KEYS[10]),
  clock[1] * 1000 + math.floor(clock[2] / 1000),
}
