// The font of the labels, carried within the program. The build names the file: -DCUDET_FONT='"/path/DejaVuSans.ttf"'.
    .section .rodata
    .balign 16
    .hidden cudet_font
    .global cudet_font
    .type cudet_font, %object
cudet_font:
    .incbin CUDET_FONT
    .size cudet_font, . - cudet_font
    .section .note.GNU-stack, "", %progbits
