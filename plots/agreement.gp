# agreement.gp: how far criteria agree: a matrix of rank correlations. Above it stand: width, height (points), font_unit (of sizes of letters in points); $cells
# (x, y, value, text), $blanks (x, y, text): cells without a value; n, the criteria; label_text[], label_lines for each, n_label_lines[] of them used; text_size,
# label_size; the captions' arrays; and in points: `cell`, a cell's side, `names`, the longest label, `bar`, the height of the colour bar with its numbers, `below`, the
# height of the captions. y counts rows downwards.
#
# Both ends differ in lightness, and so in grey: +1 is nearly black, −1 no darker than 0.65. Blue and orange are told apart by all.

x(points) = 1.0 * points / width
y(points) = 1.0 * points / height
side = n * cell
left = (width + names - side) / 2.0
bottom = below + bar
pitch = label_size * 1.12

set palette defined (-1 '#d55e00', -0.5 '#f3b27a', 0 '#ffffff', 0.5 '#6ba3d6', 1 '#08305c')
set cbrange [-1:1]
set colorbox horizontal user origin screen x(width / 2.0 - 30), screen y(below + 13) size screen x(100), screen y(5) noinvert noborder
unset border
unset tics
set cbtics ('−1' -1, '−0.5' -0.5, '0' 0, '0.5' 0.5, '1' 1) scale 0 offset 0, 0.2
unset key
set lmargin at screen x(left)
set rmargin at screen x(left + side)
set bmargin at screen y(bottom)
set tmargin at screen y(bottom + side)
set xrange [0:n]
set yrange [n:0]

label_font = sprintf('Sans,%.2f', font_unit * label_size)
text_font = sprintf('Sans,%.2f', font_unit * text_size)
do for [i = 1:n] {
  do for [l = 1:n_label_lines[i]] {
    name = label_text[label_lines * (i - 1) + l]
    shift = (0.5 * (n_label_lines[i] + 1) - l) * pitch
    tag = label_lines * i + l
    set label 1000 + tag name at screen x(left - 4), screen y(bottom + side - (i - 0.5) * cell + shift) right font label_font
    set label 2000 + tag name at screen x(left + (i - 0.5) * cell - shift), screen y(bottom + side + 3) left rotate by 90 font label_font
  }
}
do for [i = 1:n_caption] { set label 5000 + i caption_text[i] at screen x(8), screen y(caption_y[i]) left }
set label 9001 'Spearman''s ρ' at screen x(width / 2.0 - 36), screen y(below + 15.5) right

plot $blanks using 1:2:(0.48):(0.48) with boxxyerror fc rgb '#f0f0f0' fs solid noborder, \
  $cells using 1:2:(0.48):(0.48):3 with boxxyerror fc palette fs solid noborder, \
  $blanks using 1:2:3 with labels font text_font tc rgb '#606060', \
  $cells using 1:2:4:($3 > 0.68 ? 0xffffff : 0) with labels font text_font tc rgb variable
