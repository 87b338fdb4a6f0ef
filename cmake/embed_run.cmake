# Run by embed_folder at build time. Each file becomes an array of bytes: no quoting can go wrong.
file(GLOB files ${FOLDER}/*.${SUFFIX})
list(SORT files)
set(arrays "")
set(rows "")
set(n 0)
foreach(file ${files})
    get_filename_component(stem ${file} NAME_WE)
    file(READ ${file} hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR bytes "${digits} / 2")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," body "${hex}")
    string(APPEND arrays "static const unsigned char ${NAME}_${n}[] = {${body}0};\n")
    string(APPEND rows "    {\"${stem}\", (const char *)${NAME}_${n}, ${bytes}},\n")
    math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${OUTPUT} "/* Made at build from ${SUFFIX} files; edit those. */\n#include \"lib/base/embed.h\"\n"
    "extern const struct embedded ${NAME}[];\nextern const int ${NAME}_count;\n"
    "${arrays}const struct embedded ${NAME}[] = {\n${rows}    {0, 0, 0},\n};\nconst int ${NAME}_count = ${n};\n")
