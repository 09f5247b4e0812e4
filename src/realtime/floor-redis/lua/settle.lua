-- Does what is due.
-- returns 'settled'
settle()
return reply('settled')
