-- Spend so many requests, one or none, in all windows of all budgets or in none. Own arguments: the share of each limit
-- that the caller may use, how many requests, and of each further budget how many of the last windows are its own.
-- Further KEYS: the states of those budgets.
-- Returns milliseconds to wait (0: there is room), and of each window what is used and the limit.
local since = tonumber(redis.call('HGET', KEYS[1], 'since'))
if not since then -- a new Redis, or one that has lost its counters
  since = now
  redis.call('HSET', KEYS[1], 'since', now)
end

local total = tonumber(ARGV[1])
local windows, longest, ends = {}, 0, total
for n = own + 2, #ARGV do ends = ends - ARGV[n] end

-- The windows up to `ends` are of the budget in this state.
local function join(budget)
  local share = ARGV[own] * 1
  if budget.factor then
    share = share * math.min(1, budget.factor + RECOVERY_A_MINUTE * math.max(now - budget.factor_at, 0) / 60000)
  end
  if now - since < CAUTIOUS_FOR then share = share * CAUTIOUS_SHARE end
  longest = math.max(longest, (budget.blocked or 0) - now)
  for i = #windows + 1, ends do
    windows[i] = settled(i, budget)
    windows[i].share = share
  end
end
join(state)
for n = own + 2, #ARGV do
  ends = ends + ARGV[n]
  join(state_at(KEYS[total + n - own + 1]))
end

-- The twins of most and of Count.wait.
local function wait(w)
  local share = w.share
  local excess = w.used - math.max(1, math.floor((w.limit - math.floor(w.limit / ONE_OF)) * share + 1e-9)) + 1
  if excess <= 0 then return 0 end
  for slot = w.oldest, w.current do
    excess = excess - (redis.call('HGET', w.key, slot) or 0)
    if excess <= 0 then return math.max((slot + w.kept) * w.width - now, 1) end
  end
  return 1
end

for _, w in ipairs(windows) do longest = math.max(longest, wait(w)) end
local spent = longest == 0 and tonumber(ARGV[own + 1]) or 0
local answer = {math.ceil(longest)}
for _, w in ipairs(windows) do
  if spent > 0 then add(w, w.current, spent) end
  answer[#answer + 1] = w.used
  answer[#answer + 1] = w.limit
end
return said(answer)
