// Embeds the font of the labels into the program. The build passes the file: -DCUDET_FONT='"/path/DejaVuSans.ttf"'.
    .section .rodata
    .balign 16
    .hidden cudet_font
    .global cudet_font
    .type cudet_font, %object
cudet_font:
    .incbin CUDET_FONT
    .size cudet_font, . - cudet_font
    .section .note.GNU-stack, "", %progbits
