# The shell workload piece by piece: each says what begins and, after its work, what came out; the harness takes the times between the lines.
# Sourced by init; results depend on nothing but the processor's arithmetic.
mkdir -p /tmp/work
cd /tmp/work || exit 1

piece() { echo "PIECE $1 begins"; }
result() { echo "RESULT $(md5sum | cut -c 1-8)"; }

awk 'BEGIN { x = 12345; for (i = 0; i < 30000; i++) { x = (x * 1103 + 12345) % 1000003; printf "%06d %s line %d\n", x, (x % 7 ? "odd" : "seven"), i } }' >data
dd if=/dev/zero bs=64k count=32 2>/dev/null | tr '\000' 'Z' >zeds
cat data data zeds data >mixed

piece arithmetic
i=0 a=1 b=0
while [ $i -lt 24000 ]; do
  a=$(((a * 69069 + 1) & 0x7fffffff))
  b=$((b ^ (a >> 5) + (a % 13) * (i << 2)))
  i=$((i + 1))
done
echo $a $b | result

piece fork-exec
n=0
while [ $n -lt 300 ]; do /bin/true && n=$((n + 1)); done
echo $n | result

piece awk-integer
awk 'BEGIN { for (i = 1; i <= 160000; i++) s += i * i % 97; n = 20000; for (i = 2; i <= n; i++) p[i] = 1; for (i = 2; i * i <= n; i++) if (p[i]) for (j = i * i; j <= n; j += i) p[j] = 0; for (i = 2; i <= n; i++) c += p[i]; print s, c }' | result

piece awk-float
awk 'function root(x,  r, k) { r = x; for (k = 0; k < 20; k++) r = (r + x / r) / 2; return r } BEGIN { for (i = 1; i <= 4000; i++) s += root(i); x = 0.1; for (i = 0; i < 80000; i++) x = 3.6 * x * (1 - x); printf "%.12f %.9f\n", s, x }' | result

piece md5
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do md5sum <mixed; done | result
piece sha1
for n in 1 2 3 4 5 6; do sha1sum <mixed; done | result
piece sha512
for n in 1 2 3 4 5 6; do sha512sum <mixed; done | result

piece gzip
for n in 1 2; do gzip -c mixed >mixed.gz; done
wc -c <mixed.gz | result
piece gunzip
for n in 1 2 3 4 5 6; do gzip -dc mixed.gz; done | md5sum | result

piece sort
for n in 1 2; do sort data; sort -n -r data; done | md5sum >sums
result <sums

piece grep
for n in 1 2 3 4; do grep -c -E '^[0-9]*(00|11|22) ' data; grep -c seven data; grep -o -E '9[0-9]9' data | wc -l; done | result
piece sed
for n in 1 2; do sed -e 's/line \([0-9]*\)/<\1>/; s/seven/VII/; y/0123456789/abcdefghij/' data; done | result

piece bc
echo 'scale = 180; 4 * a(1); e(1); sqrt(2); 2 ^ 4000 % 1000007' | bc -l | result

piece dd
dd if=/dev/zero of=zeros bs=4k count=4096 2>/dev/null
for n in 1 2 3 4; do dd if=zeros bs=512 count=16384 2>/dev/null; done | wc -c | result

piece pipes
for n in 1 2; do cat mixed | cat | cat | tr 'a-z' 'A-Z' | cat | tr -d '\n'; done | wc -c | result

piece system-calls
dd if=/dev/zero of=/dev/null bs=1 count=120000 2>/dev/null
echo done | result

piece find
mkdir tree
n=0
while [ $n -lt 80 ]; do mkdir -p tree/$((n % 8))/$n && : >tree/$((n % 8))/$n/file && n=$((n + 1)); done
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do find tree -type f -name 'f*' | wc -l; find /sys/class /proc/sys -type d | wc -l >/dev/null; done | result
