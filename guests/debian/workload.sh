# The shell workload of the Debian guests. Its output depends on nothing but the CPU's arithmetic: no times, process
# numbers, paths or sizes of the machine. It runs under the same busybox natively (scripts/expected-workload.sh).
# WORK names an empty scratch directory; the first words of each section say what it exercises.
cd "$WORK" || exit 1

section() { echo "== $1"; }

section generate
awk 'BEGIN { x = 12345; for (i = 0; i < 6000; i++) { x = (x * 1103 + 12345) % 1000003; printf "%06d %s line %d\n", x, (x % 7 ? "odd" : "seven"), i } }' >data
wc -l -w -c <data
dd if=data of=block bs=512 count=64 2>/dev/null
dd if=/dev/zero bs=1024 count=256 2>/dev/null | tr '\000' 'Z' >zeds
ls block data zeds
wc -c <zeds

section checksums
for sum in md5sum sha1sum sha256sum sha512sum; do
  $sum data
  $sum <zeds
done
crc32() { gzip -c | tail -c 8 | od -A n -t x4; }
crc32 <data
crc32 <zeds
head -c 5000 data | sha3sum

section gzip
gzip -c data >data.gz
gzip -dc data.gz | cmp - data && echo 'gzip round trip ok'
gzip -t data.gz && echo 'gzip test ok'
bzip2 -c block | bzip2 -dc | md5sum
tar cf - data block | tar tf -

section base64
head -c 300 data | base64
base64 data | base64 -d | md5sum
head -c 64 zeds | od -A d -t x1 | head -n 3
head -c 48 data | hexdump -C

section awk-integer
awk 'BEGIN { s = 0; for (i = 1; i <= 20000; i++) s += i * i % 97; print s; a = 1; b = 1; for (i = 0; i < 70; i++) { t = a + b; a = b; b = t } printf "%.0f\n", b }'
awk '{ count[$2]++; total += $1 } END { print count["odd"], count["seven"], total }' data
awk 'BEGIN { n = 3000; for (i = 2; i <= n; i++) p[i] = 1; for (i = 2; i * i <= n; i++) if (p[i]) for (j = i * i; j <= n; j += i) p[j] = 0; for (i = 2; i <= n; i++) c += p[i]; print "primes", c }'

section awk-float
awk 'function root(x,  r, k) { r = x; for (k = 0; k < 40; k++) r = (r + x / r) / 2; return r } BEGIN { for (i = 1; i <= 8; i++) printf "%.12f %.15e\n", root(i), root(i * 1e9) }'
awk 'function e(x,  t, s, k) { t = s = 1; for (k = 1; k < 60; k++) { t *= x / k; s += t } return s } BEGIN { for (i = -3; i <= 6; i++) printf "%.12e %.12g %.6f\n", e(i * 1.7), e(i), e(i / 10) }'
awk 'BEGIN { h = 0; for (i = 1; i <= 5000; i++) h += 1 / i; printf "%.15f\n", h; x = 0.1; for (i = 0; i < 200; i++) x = 3.6 * x * (1 - x); printf "%.9f\n", x; print 1e300 * 1e10, int(-3.7), 7 % 3, -7 % 3, 1 / 3 }'
awk '{ s += $1; q += $1 * $1 } END { m = s / NR; printf "%.6f %.6f\n", m, q / NR - m * m }' data

section bc
echo '2 ^ 200; 12345678901234567890 * 98765432109876543210; 10 ^ 40 / 7; sqrt(200000000)' | bc
echo 'scale = 30; 1 / 7; 22 / 7; sqrt(2); 4 * a(1); e(1)' | bc -l
echo '12 34 * 5 + p 3 7 ^ p 100 9 / p' | dc

section sort
sort data | md5sum
sort -n -r data | head -n 4
sort -k 3,3 -k 1,1n data | tail -n 2
cut -d ' ' -f 2 data | sort | uniq -c | sed 's/^ *//'

section sed
sed -n '5p;100,102p' data
sed -e 's/line \([0-9]*\)/<\1>/; s/seven/VII/; y/0123456789/abcdefghij/' data | md5sum
sed -n '/seven/{s/ .*//;p}' data | head -n 3 | sed 'N;N;s/\n/,/g'
sed '1!G;h;$!d' block 2>/dev/null | head -n 20 | md5sum

section grep
grep -c seven data
grep -c -E '^[0-9]*(00|11|22) ' data
grep -n -m 3 'line 59[0-9]$' data
grep -v odd data | wc -l
grep -o -E '9[0-9]9' data | sort | uniq | wc -l

section arithmetic
i=0 a=1 b=0
while [ $i -lt 4000 ]; do
  a=$(((a * 69069 + 1) & 0x7fffffff))
  b=$((b ^ (a >> 5) + (a % 13) * (i << 2)))
  i=$((i + 1))
done
echo "$i $a $b"
echo $((1 << 40)) $((-7 / 2)) $((-7 % 3)) $((9223372036854775807 + 1)) $((0xffffffff * 0xffffffff)) $((123456789012 / 345))
echo $((~5)) $((5 & 3 | 8)) $((10 > 3 && 2 < 1)) $((1 ? 20 : 30)) $((-1 >> 3))
expr 12345 \* 678 + 9
seq 1 500 | awk '{ s += $1 } END { print s }'
factor 1234567890 999999000001 2>/dev/null || echo 'no factor'

section fork-exec
n=0
while [ $n -lt 60 ]; do
  n=$(expr $n + 1)
  env true || echo failed
done
echo "$n"
count() { if [ "$1" -gt 0 ]; then (count $(($1 - 1))); else echo bottom; fi; }
count 12
for f in a b c d e f g h; do mkdir -p tree/$f/$f$f && echo "$f" >tree/$f/$f$f/leaf; done
find tree -type f | sort | xargs cat | tr '\n' ' '
echo
find tree -name '[c-e]*' -type d | sort | while read -r d; do basename "$d"; done | tr '\n' ' '
echo
(
  trap 'echo caught' USR1
  sh -c "kill -USR1 \$PPID"
  :
)
sh -c 'exit 42'
echo "status $?"
(sh -c 'kill -9 $$') 2>/dev/null
echo "killed $?"
for j in 1 2 3 4; do (echo "$j" >job.$j) & done
wait
cat job.1 job.2 job.3 job.4

section pipes
cat data | tr 'a-z' 'A-Z' | rev | tac | head -n 3
yes pipe | head -n 5000 | md5sum
seq 1 3000 | sed 's/$/ x/' | grep -v 7 | awk '{ print $2 $1 }' | sort -r | head -n 100 | crc32
mkfifo pipe && { (seq 1 1000 >pipe) & awk '{ s += $1 } END { print "fifo", s }' <pipe; wait; }
printf '%s\n' one two three | while read -r w; do printf '[%s]' "$w"; done
echo

section printf
printf '%5d|%-5d|%05d|%x|%X|%o|%c|%s|%10.3s|%%\n' 42 42 42 255 255 8 A text abcdef
printf '%e %f %g %.3f\n' 3.14159 2.71828 0.0001 1000.5555
printf '\101\t\x42\n'

section strings
s=abcdefghijklmnopqrstuvwxyz
echo "${s#abc} ${s%xyz} ${#s} ${s:3:5}"
i=0 t=
while [ $i -lt 200 ]; do t="$t$i,"; i=$((i + 1)); done
echo "$t" | md5sum
case $t in 0,1,*,199,) echo matched ;; *) echo unmatched ;; esac
IFS=,
set -- $t
echo "$# $1 $9"
unset IFS
diff -u - job.1 <<END | tail -n 3
0
1
END
cmp zeds data | sed 's/,.*//'
