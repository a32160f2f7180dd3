# criteria.gp: arms compared. Above it stand: width, height (points); $seeds (accuracy, y), $means (accuracy, y), $baselines (mean, min, max, top, bottom of the rows
# that are compared with one), n_lines, line_text[], line_y[], line_colour[] (the arms' labels), colours, the legend's arrays, `panel`, the height of all rows, label_points, the width
# of the longest label, and `below`, the height of legend and captions. y is in points, downwards. Accuracies are in %.

axis = 24
x(points) = 1.0 * points / width
y(points) = 1.0 * points / height

set border 1 lw 0.75
set tics nomirror out scale 0.4
set xtics offset 0, 0.3
set format x '%g'
unset ytics
set grid xtics lc rgb '#e6e6e6' lw 0.5 lt 1
unset key
set lmargin at screen x(label_points)
set rmargin at screen x(width - 12)
set tmargin at screen y(below + axis + panel)
set bmargin at screen y(below + axis)
set yrange [panel:0]
# A little wider than what is shown, not up to the next tick: so no tick stands at an end, where its label would be cut off.
set xrange [*:*] noextend
set offsets graph 0.05, graph 0.05, 0, 0
set label 9001 'test accuracy (%)' at screen x((label_points + width - 12) / 2.0), screen y(below + 6) center

do for [i = 1:n_lines] { set label i line_text[i] at screen x(label_points - 5), first line_y[i] right tc rgb line_colour[i] }
do for [i = 1:n_legend] {
  lx = x(legend_x[i] + (sample - 4) / 2.0); ly = y(legend_y[i])
  if (legend_kind[i] == 1) {
    set arrow i from screen lx, screen y(legend_y[i] - 4) to screen lx, screen y(legend_y[i] + 4) nohead lc rgb legend_colour[i] lw 1
  }
  if (legend_kind[i] == 2) {
    set object 1000 + i rectangle from screen x(legend_x[i] + 4), screen y(legend_y[i] - 3) to screen x(legend_x[i] + sample - 8), screen y(legend_y[i] + 3) \
      fc rgb legend_colour[i] fs transparent solid 0.45 noborder
  }
  if (legend_kind[i] == 3) { set label 3000 + i '' at screen lx, screen ly point pt 7 ps 0.5 lc rgb legend_colour[i] }
  if (legend_kind[i] == 4) {
    set arrow i from screen lx, screen y(legend_y[i] - 3) to screen lx, screen y(legend_y[i] + 3) nohead lc rgb legend_colour[i] lw 2
  }
  set label 4000 + i legend_text[i] at screen x(legend_x[i] + sample), screen ly left
}
do for [i = 1:n_caption] { set label 5000 + i caption_text[i] at screen x(8), screen y(caption_y[i]) left }

plot $baselines using 1:(0.5 * ($4 + $5)):2:3:4:5 with boxxyerror lc rgb range_colour fs transparent solid 0.45 noborder, \
  $baselines using 1:4:(0):($5 - $4) with vectors nohead lc rgb '#000000' lw 1, \
  $means using 1:($2 - 4):(0):(8) with vectors nohead lc rgb mean_colour lw 2, \
  $seeds using 1:2 with points pt 7 ps 0.45 lc rgb seed_colour
