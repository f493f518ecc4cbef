-- Close a budget. Own argument: for how many milliseconds. Many 429s of one moment lower the factor once.
if (state.blocked or 0) <= now then
  local factor = state.factor or 1
  if state.factor then
    factor = math.min(1, factor + RECOVERY_A_MINUTE * math.max(now - state.factor_at, 0) / 60000)
  end
  redis.call('HSET', KEYS[2], 'factor', math.max(LEAST_FACTOR, factor * FACTOR_OF_A_429), 'factor_at', now)
end
redis.call('HSET', KEYS[2], 'blocked', math.max(state.blocked or 0, now + ARGV[own]))
redis.call('PEXPIRE', KEYS[2], STATE_FOR)
return ''
